// The worker file of the prebuilt folder: ONNX Runtime lies beside it.
import { serve } from "@phaseskip/runtime/worker";

serve();
