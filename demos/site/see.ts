// See what it sees: DINO's attention, its patches as colours and beside those of another picture, and a classifier made
// of a handful of examples.
import { Dino } from "./engine.ts";
import { SeePage } from "./see/page.ts";
import { byId } from "./shell/dom.ts";
import { ModelPicker } from "./shell/modelPicker.ts";
import { startPage } from "./shell/page.ts";

startPage(async (adapter) => {
  const page = new SeePage((files) => picker.takeFiles(files));
  const picker: ModelPicker<Dino> = new ModelPicker<Dino>({
    family: "dino",
    load: (from, options) => Dino.fromPretrained(from, options),
    onModel: (dino) => page.useModel(dino),
    hasF16: adapter.features.has("shader-f16"),
  });
  byId("model").append(picker.element);
  byId("app").replaceChildren(page.element);
  byId("app").hidden = false;
  await picker.start();
});
