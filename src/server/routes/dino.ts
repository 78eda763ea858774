// DINO: /v1/features.
import type { FastifyInstance } from "fastify";
import type { FromSchema } from "json-schema-to-ts";
import type { DinoFeatures, DinoTokens } from "../../api/dino.ts";
import { type Encoding, encoded } from "../answers.ts";
import { FeaturesAnswer, FeaturesRequest } from "../schemas.ts";
import type { FeatureOptions } from "../served.ts";
import { ofPictures } from "./clip.ts";
import { addWork, type Served } from "./route.ts";

export function addDinoRoutes(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Features of pictures: a vector of each, and of each patch where asked for",
    tag: "DINO",
    body: FeaturesRequest,
    answer: FeaturesAnswer,
  };
  addWork(app, "/v1/features", work, served, async (body, request) => {
    const {
      model: name,
      images,
      patches,
      encoding_format: encoding,
      ...rest
    } = body as FromSchema<typeof FeaturesRequest>;
    const { size, layers, attention } = rest;
    const options = { ...(size && { size }), ...(layers && { layers }), ...(attention && { attention }) };
    const model = await served.models.use("Dino", name);
    const results = await ofPictures(images, request, served, async (picture, index) => {
      const features = await model.features(picture, options as FeatureOptions, request.signal);
      return { index, ...answerOf(features, patches, encoding) };
    });
    return { model: served.models.nameOf("Dino", name), results };
  });
}

function answerOf({ grid, attention, layers, ...tokens }: DinoFeatures, hasPatches: boolean, encoding: Encoding) {
  const vectors = ({ cls, patches }: DinoTokens) => ({
    cls: encoded(cls.data, encoding),
    ...(hasPatches && { patches: encoded(patches.data, encoding) }),
  });
  return {
    ...vectors(tokens),
    grid,
    ...(attention && { attention: encoded(attention.data, encoding) }),
    ...(layers && { layers: layers.map(({ layer, ...of }) => ({ layer, ...vectors(of) })) }),
  };
}
