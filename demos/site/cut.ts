// Cut out anything: SAM makes a mask of what the visitor points at, or of everything in a photo.
import { CutPage } from "./cut/page.ts";
import { Sam } from "./engine.ts";
import { byId } from "./shell/dom.ts";
import { ModelPicker } from "./shell/modelPicker.ts";
import { startPage } from "./shell/page.ts";

startPage(async (adapter) => {
  const page = new CutPage((files) => picker.takeFiles(files));
  const picker: ModelPicker<Sam> = new ModelPicker<Sam>({
    family: "sam",
    load: (from, options) => Sam.fromPretrained(from, options),
    onModel: (sam, _, card) => page.useModel(sam, card),
    hasF16: adapter.features.has("shader-f16"),
  });
  byId("model").append(picker.element);
  byId("app").replaceChildren(page.element);
  byId("app").hidden = false;
  await picker.start();
});
