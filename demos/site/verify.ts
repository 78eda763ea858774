// Is it right, and how fast: the library's verification and a small benchmark, on the visitor's own GPU.
import { byId } from "./shell/dom.ts";
import { startPage } from "./shell/page.ts";
import { VerifyPage } from "./verify/page.ts";

startPage((adapter) => {
  byId("app").replaceChildren(new VerifyPage(adapter).element);
  byId("app").hidden = false;
});
