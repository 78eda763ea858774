// Cut out anything: SAM.
import { startPage } from "./shell/page.ts";

startPage();
