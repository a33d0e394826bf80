import { mainJob } from "./main_job.mjs";

mainJob({ script: false });
