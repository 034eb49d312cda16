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
    { backgroundColor: "var(--chosen)" },
  ".cm-matchingBracket.cm-matchingBracket": {
    backgroundColor: "var(--chosen)",
  },
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
        // it takes the focus without a tabindex, too, but tools that judge pages do not know that
        EditorView.contentAttributes.of({
          "aria-label": "Plan as JSON",
          tabindex: "0",
        }),
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

  /** The plan, or undefined where the text is none: then the mistake is marked, and its line is in the message. */
  check(): { plan?: Plan; message?: string } {
    const result = readPlan(this.text);
    if (!("plan" in result)) return { message: this.#show(result) };
    this.#view.dispatch(setDiagnostics(this.#view.state, []));
    return result;
  }

  /** Marks what a run found wrong with the plan, at the place that the message names; gives the message with its line. */
  mark(message: string): string {
    return this.#show({ ...place(this.text, message), message });
  }

  #show({ from, to, message }: Mistake): string {
    const { state } = this.#view;
    const end = state.doc.length;
    const diagnostic: Diagnostic = {
      from: Math.min(from, end),
      to: Math.min(to, end),
      severity: "error",
      message,
    };
    this.#view.dispatch(setDiagnostics(state, [diagnostic]));
    return `Line ${state.doc.lineAt(diagnostic.from).number}: ${message}`;
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
