// Is it right, and how fast.
import { startPage } from "./shell/page.ts";

startPage();
