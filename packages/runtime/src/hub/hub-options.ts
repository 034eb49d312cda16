// How a model is found by its name.

/** Where a hub has its models. `{model}` stands for the name, `{revision}` for the revision. */
export interface HubTemplate {
  /** URL of the folder of a model's files, such as `https://huggingface.co/{model}/resolve/{revision}/`. */
  readonly files: string;
  /**
   * URL of the list of a model's files, such as `https://huggingface.co/api/models/{model}/tree/{revision}?recursive=true`:
   * JSON as that hub writes it, further pages by its `Link` header, which pages of other origins must be let see. Without
   * it the files are asked for one by one, and those that change are found by their `ETag`.
   */
  readonly list?: string;
}

/** How a model is found by its name, `org/name`. */
export interface HubOptions {
  /**
   * Branch, tag or commit.
   * @default "main"
   */
  readonly revision?: string;
  /**
   * What models that are private or gated are asked for with; a function is asked before each request, so that it may
   * renew it. It is sent to the hub alone, not to where that leads.
   * @default none
   */
  readonly token?: string | (() => Token | Promise<Token>);
  /**
   * Which hub: URL of one that is laid out as the default, or templates of another's addresses.
   * @default "https://huggingface.co"
   */
  readonly hub?: string | HubTemplate;
}

/** A token; undefined: none. */
export type Token = string | undefined;

/** The same as data and a function, as it comes to the worker. */
export interface HubRequest extends Omit<HubOptions, "token"> {
  /** Asks the page for a token. */
  readonly token?: () => Promise<Token>;
}
