// See what it sees: DINO.
import { startPage } from "./shell/page.ts";

startPage();
