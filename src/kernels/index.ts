export { type SimilarityParams, similarity } from "./similarity.ts";
export { type UnfoldParams, unfold } from "./unfold.ts";
