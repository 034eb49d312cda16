// The worker of the prebuilt folder; ONNX Runtime's files lie beside it.
import { serve } from "@phaseskip/runtime/worker";

serve();
