// Follow anything: SAM 2 finds in all frames of a video what the visitor clicks on in one of them.
import { VideoSegmenter } from "./engine.ts";
import { FollowPage } from "./follow/page.ts";
import { byId } from "./shell/dom.ts";
import { ModelPicker } from "./shell/modelPicker.ts";
import { startPage } from "./shell/page.ts";

startPage(async (adapter) => {
  const page = new FollowPage((files) => picker.takeFiles(files));
  const picker: ModelPicker<VideoSegmenter> = new ModelPicker<VideoSegmenter>({
    family: "sam2",
    load: (from, options) => VideoSegmenter.fromPretrained(from, options),
    onModel: (segmenter) => void page.useModel(segmenter),
    hasF16: adapter.features.has("shader-f16"),
  });
  byId("model").append(picker.element);
  byId("app").replaceChildren(page.element);
  byId("app").hidden = false;
  await picker.start();
});
