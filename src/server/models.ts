// The models that a server has, on one device. When that is lost, whoever asks next has a new one opened and all of
// them loaded again; requests that come meanwhile wait for it.
import { Clip } from "../api/clip.ts";
import { Dino } from "../api/dino.ts";
import { Sam } from "../api/sam.ts";
import type { Device, MemoryUse } from "../device/device.ts";
import { DisposedError, NotFoundError } from "../device/errors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { SourceOptions } from "../io/source/source.ts";
import { openTokenizer } from "../io/tokenizer.ts";
import { allFamilies } from "../models/families.ts";
import type { ModelClass } from "../models/family.ts";
import { recognizeModel } from "../session/pretrained.ts";
import type { ModelDType } from "../session/session.ts";
import { ServedClip, ServedDino, type ServedOptions, ServedSam } from "./served.ts";

/** A model to serve. */
export interface ModelRequest {
  /** What requests call it. */
  readonly name: string;
  /** A folder, a URL or a Hub id. */
  readonly source: string;
}

export interface OpenModelsOptions {
  /** How the checkpoints are loaded. */
  readonly load: SourceOptions & { readonly dtype?: ModelDType | "auto" };
  readonly served: ServedOptions;
  /** Opens a device: at the start, and after the loss of one. */
  readonly openDevice: () => Promise<Device>;
  /** Told when the device was lost. */
  readonly onLoss: () => void;
}

/** What `GET /v1/models` says of one. */
export interface ServedModel {
  readonly name: string;
  readonly modelClass: ModelClass;
  /** Type of weights and activations. */
  readonly dtype: ModelDType;
}

interface Served {
  readonly Clip: ServedClip;
  readonly Dino: ServedDino;
  readonly Sam: ServedSam;
}

/** A model by its class, for requests that ask for one. */
type Loaded = { [Class in ModelClass]: { modelClass: Class; model: Served[Class]; dispose(): void } }[ModelClass];

/** What a lost device takes with it. */
interface Live {
  readonly device: Device;
  readonly models: ReadonlyMap<string, Loaded>;
}

export class ServedModels {
  readonly #requests: readonly ModelRequest[];
  readonly #options: OpenModelsOptions;
  /** What the models were at the start; they are the same after a loss. */
  #list: readonly ServedModel[] = [];
  #live: Promise<Live> | undefined;
  #current: Live | undefined;
  #isDisposed = false;

  /** Nothing is opened before it is used: `open` does that. */
  constructor(requests: readonly ModelRequest[], options: OpenModelsOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  /** Opens a device and loads the models. */
  static async open(requests: readonly ModelRequest[], options: OpenModelsOptions): Promise<ServedModels> {
    const models = new ServedModels(requests, options);
    try {
      await models.#alive();
      return models;
    } catch (error) {
      models.dispose();
      throw error;
    }
  }

  /** All of them, in the order in which they were asked for. */
  get list(): readonly ServedModel[] {
    return this.#list;
  }

  /** What is held on the GPU. */
  get memory(): MemoryUse | undefined {
    return this.#current?.device.memory;
  }

  /** Whether the models are on a device that is there. */
  get isReady(): boolean {
    return this.#current !== undefined && !this.#current.device.lost;
  }

  /** The name of the model that a request means: the one that it names, or the only one of its class. */
  nameOf(modelClass: ModelClass, name: string | undefined): string {
    const known = this.#list.filter((model) => model.modelClass === modelClass).map((model) => model.name);
    if (name !== undefined && known.includes(name)) return name;
    const [only] = known;
    if (only === undefined) throw new NotFoundError(`no ${modelClass} is served here: start the server with one`);
    if (name === undefined && known.length === 1) return only;
    const came = name === undefined ? "the request names no model" : `there is no model ${JSON.stringify(name)}`;
    throw new NotFoundError(`${came}, expected ${known.map((one) => JSON.stringify(one)).join(" or ")}`);
  }

  /** The model of a request. */
  async use<Class extends ModelClass>(modelClass: Class, name: string | undefined): Promise<Served[Class]> {
    const { models } = await this.#alive();
    return models.get(this.nameOf(modelClass, name))?.model as Served[Class];
  }

  /** Frees the models and the device. */
  dispose(): void {
    this.#isDisposed = true;
    if (this.#current) close(this.#current);
    this.#current = undefined;
  }

  async #alive(): Promise<Live> {
    this.#check();
    const live = await this.#opened();
    if (!live.device.lost) return live;
    if (this.#current === live) {
      close(live);
      this.#options.onLoss();
      this.#current = undefined;
      this.#live = undefined;
    }
    return this.#opened();
  }

  #opened(): Promise<Live> {
    if (this.#live) return this.#live;
    const opening = this.#open();
    this.#live = opening;
    opening.catch(() => {
      if (this.#live === opening) this.#live = undefined; // what failed once may do later
    });
    return opening;
  }

  async #open(): Promise<Live> {
    const device = await this.#options.openDevice();
    const models = new Map<string, Loaded>();
    const list: ServedModel[] = [];
    try {
      for (const request of this.#requests) {
        const { loaded, dtype } = await load(request, device, this.#options);
        models.set(request.name, loaded);
        list.push({ name: request.name, modelClass: loaded.modelClass, dtype });
        this.#check();
      }
    } catch (error) {
      close({ device, models });
      throw error;
    }
    this.#list = list;
    this.#current = { device, models };
    return this.#current;
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("the server has closed its models");
  }
}

function close({ device, models }: Live): void {
  for (const { dispose } of models.values()) dispose();
  device.destroy();
}

/** Loads a model of whatever class it is. */
async function load({ source }: ModelRequest, device: Device, options: OpenModelsOptions): Promise<LoadedModel> {
  const { checkpoint, family } = await recognizeModel(allFamilies(), source, options.load);
  await checkpoint.close();
  return LOADERS[family.modelClass](source, device, options);
}

interface LoadedModel {
  readonly loaded: Loaded;
  readonly dtype: ModelDType;
}

type Loader = (source: string, device: Device, options: OpenModelsOptions) => Promise<LoadedModel>;

const LOADERS: Readonly<Record<ModelClass, Loader>> = {
  Clip: async (source, device, { load, served }) => {
    const tokenizer = await openTokenizer(await openSource(source, load));
    const clip = await Clip.fromPretrained(source, { ...load, device });
    const model = new ServedClip(clip, tokenizer, served);
    return { loaded: { modelClass: "Clip", model, dispose: () => clip.dispose() }, dtype: clip.dtype };
  },
  Dino: async (source, device, { load, served }) => {
    const dino = await Dino.fromPretrained(source, { ...load, device });
    const model = new ServedDino(dino, served);
    return { loaded: { modelClass: "Dino", model, dispose: () => dino.dispose() }, dtype: dino.dtype };
  },
  Sam: async (source, device, { load, served }) => {
    const sam = await Sam.fromPretrained(source, { ...load, device });
    const model = new ServedSam(sam, served);
    return { loaded: { modelClass: "Sam", model, dispose: () => sam.dispose() }, dtype: sam.dtype };
  },
};
