import { serve } from "../../src/wire/worker.js";

serve();
