import { serve } from "phaseskip/worker";

serve();
