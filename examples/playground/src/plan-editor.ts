// The plan as text, with mistakes marked at their place.

import { json } from "@codemirror/lang-json";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { tags } from "@lezer/highlight";
import { EditorView, basicSetup } from "codemirror";
import {
  type ParseError,
  findNodeAtLocation,
  parse,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { Plan } from "phaseskip";
import { parsePlan } from "phaseskip/plans";

/** A mistake, and the characters it is about. */
interface Mistake {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** The page's colours, which reach into the shadow tree as variables. */
const look = EditorView.theme({
  "&": {
    height: "340px",
    border: "1px solid var(--line)",
    borderRadius: "6px",
    fontSize: "13px",
    color: "var(--ink)",
    backgroundColor: "var(--paper)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": {
    backgroundColor: "var(--off)",
    color: "var(--soft)",
    border: "0",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--veil)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--reuse)" },
  ".cm-matchingBracket.cm-matchingBracket": { backgroundColor: "var(--reuse)" },
  ".cm-tooltip": {
    backgroundColor: "var(--card)",
    color: "var(--ink)",
    border: "1px solid var(--line)",
  },
});

/** Colours of JSON that are read well on light and on dark. */
const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.propertyName, color: "var(--accent)" },
    { tag: tags.string, color: "var(--text)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
  ]),
);

/** An editor for one plan. */
export class PlanEditor {
  readonly #view: EditorView;

  /** @param onChange told of every change by hand or by `text =` */
  constructor(parent: HTMLElement, onChange: () => void) {
    // in a shadow tree the editor's styles are constructed sheets, which a strict policy allows
    const root = parent.attachShadow({ mode: "open" });
    this.#view = new EditorView({
      parent: root,
      root,
      extensions: [
        basicSetup,
        json(),
        lintGutter(),
        look,
        highlighting,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Plan as JSON" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange();
        }),
      ],
    });
  }

  /** What is written. */
  get text(): string {
    return this.#view.state.doc.toString();
  }
  set text(text: string) {
    const { length } = this.#view.state.doc;
    this.#view.dispatch({ changes: { from: 0, to: length, insert: text } });
  }

  /** The plan, or undefined where the text is none: then the mistake is marked. */
  check(): { plan?: Plan; message?: string } {
    const result = readPlan(this.text);
    this.#mark("plan" in result ? undefined : result);
    return "plan" in result ? result : { message: result.message };
  }

  /** Marks what a run found wrong with the plan, at the place that the message names. */
  markMessage(message: string): void {
    this.#mark({ ...place(this.text, message), message });
  }

  #mark(mistake: Mistake | undefined): void {
    const end = this.#view.state.doc.length;
    const diagnostics: Diagnostic[] = mistake
      ? [
          {
            from: Math.min(mistake.from, end),
            to: Math.min(mistake.to, end),
            severity: "error",
            message: mistake.message,
          },
        ]
      : [];
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }
}

function readPlan(text: string): { readonly plan: Plan } | Mistake {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors);
  const [error] = errors;
  if (error) {
    const { offset, length } = error;
    const message = `Cannot read the plan as JSON: ${printParseErrorCode(error.error)}`;
    return { from: offset, to: offset + Math.max(1, length), message };
  }
  try {
    return { plan: parsePlan(value) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { ...place(text, message), message };
  }
}

/** Where in the text the path is that a message names first, such as `rules[0].refresh`. */
function place(text: string, message: string): { from: number; to: number } {
  const tree = parseTree(text);
  const known =
    /\b(?:phases|rules|guidance|steps|model|valid|priorNoise|version|format|name)\b(?:\[\d+\]|\.\w+)*/g;
  for (const [path] of message.matchAll(known)) {
    const parts = path
      .split(/[.[\]]+/)
      .filter((part) => part !== "")
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    // a field that is missing is marked at what should hold it
    for (let depth = parts.length; depth > 0; depth--) {
      const node = tree && findNodeAtLocation(tree, parts.slice(0, depth));
      if (node) return { from: node.offset, to: node.offset + node.length };
    }
  }
  return { from: 0, to: text.length };
}
