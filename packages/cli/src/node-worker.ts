// The command's worker thread: the very runtime that a page's worker runs.
import { serve } from "@phaseskip/runtime/worker";

serve();
