// The start page.
import { startPage } from "./shell/page.ts";

startPage();
