// Search and classify: CLIP ranks the visitor's photos for a sentence, and scores labels for one of them.
import { Clip } from "./engine.ts";
import { SearchPage } from "./search/page.ts";
import { byId } from "./shell/dom.ts";
import { ModelPicker } from "./shell/modelPicker.ts";
import { startPage } from "./shell/page.ts";

startPage(async (adapter) => {
  const page = new SearchPage((files) => picker.takeFiles(files));
  const picker: ModelPicker<Clip> = new ModelPicker<Clip>({
    family: "clip",
    load: (from, options) => Clip.fromPretrained(from, options),
    onModel: (clip, name, card) => page.useModel(clip, name, card),
    hasF16: adapter.features.has("shader-f16"),
  });
  byId("model").append(picker.element);
  byId("app").replaceChildren(page.element);
  byId("app").hidden = false;
  await page.remember();
  await picker.start();
});
