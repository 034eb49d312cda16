import type { CommandIo } from "./command-io.js";
export interface BenchArguments {
  readonly plans?: readonly string[];
  readonly json: boolean;
}
export async function bench(
  _m: string,
  _o: BenchArguments,
  _io: CommandIo,
): Promise<void> {}
