import { Drawing } from "./drawing";

export default function Page() {
  return (
    <main>
      <h1>Drawn on your device</h1>
      <Drawing prompt="a red boat on the left on the sea at sunset" />
    </main>
  );
}
