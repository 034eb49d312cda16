// When ControlNets are off: what a call says of them, as rules behind those of its plan.

import type { AddedRule } from "../schedule/schedule-request.js";
import type { InputRequest } from "./input-options.js";

/**
 * The rules of a run, by which ControlNets that are off run nothing: those without a control; at steps outside of their
 * part (diffusers 0.42.1, pipelines/controlnet/pipeline_controlnet.py); and in guess mode where no text is read.
 *
 * @param controlNets their units
 * @param stepCount steps of the run
 */
export function controlRules(
  controlNets: readonly string[],
  { control = [], guessMode }: Pick<InputRequest, "control" | "guessMode">,
  stepCount: number,
): AddedRule[] {
  const off = (unit: string) => ({ units: [unit], action: "zero" }) as const;
  return controlNets.flatMap((unit, i): AddedRule[] => {
    const asked = control[i];
    const always = () => true;
    if (!asked) return [{ rule: off(unit), isAt: always }];
    const { start, end } = asked;
    const isOut = (step: number) =>
      step / stepCount < start || (step + 1) / stepCount > end;
    const rule = { ...off(unit), contexts: ["image", "uncond"] as const };
    return [
      { rule: off(unit), isAt: isOut },
      ...(guessMode ? [{ rule, isAt: always }] : []),
    ];
  });
}

/** Units of ControlNets that a call has no control for. */
export function idleNets(
  controlNets: readonly string[],
  { control = [] }: Pick<InputRequest, "control">,
): readonly string[] {
  return controlNets.slice(control.length);
}

/** @throws {TypeError} If a call has more controls than the model has ControlNets */
export function checkControl(
  controlNets: readonly string[],
  { control = [], guessMode }: Pick<InputRequest, "control" | "guessMode">,
): void {
  const count = controlNets.length;
  if (control.length > count) {
    const has = count === 0 ? "none" : `${count}: ${controlNets.join(", ")}`;
    throw new TypeError(
      `Cannot generate an image as control must have at most one entry for each of the model's ControlNets, which are folders such as controlnet/: it has ${control.length}, the model ${has}`,
    );
  }
  if (guessMode && control.length === 0) {
    throw new TypeError(
      "Cannot generate an image as guessMode goes beside control: control is missing",
    );
  }
}
