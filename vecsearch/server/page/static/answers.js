// What a state asks the server for, page by page. Answers are kept, so that the way back is short.
import * as api from "./api.js";
import { toVector } from "./numbers.js";

// What is recommended is worked out from the first place on each time, and the server stops at some.
const PAGE = 60, KEPT = 40, MOST_RECOMMENDED = 1000;
const kept = new Map();

export class Answers {
  constructor(state) {
    this.state = state;
    this.items = [];
    this.total = null;
    this.done = false;
    this.offset = 0;
    this.brought = false;
  }

  // The first items, which came with an upload.
  bring(body) {
    this.take(body);
    this.brought = true;
  }

  // The next items; none if there are no more.
  async more(signal) {
    if (this.done) return [];
    const before = this.offset, body = await this.ask(signal);
    if (before !== this.offset) return [];  // asked twice, and answered already
    return this.take(body);
  }

  take(body) {
    const found = body.hits ?? body.items;
    this.offset += found.length;
    this.total = body.total ?? this.total;
    const last = isRecommended(this.state) && this.offset > MOST_RECOMMENDED;
    this.done = body.items ? body.next === null : found.length < PAGE || last;
    this.vector = body.vector ?? this.vector;
    const new_ = found.filter(one => !asked(this.state, one.id));
    this.items.push(...new_);
    return new_;
  }

  ask(signal) {
    const { state, offset } = this, { name, where, metric } = state;
    const parameters = { k: PAGE, offset, where, metric };
    if (isPlain(state)) return api.query(name, bodyOf(state.like[0]), parameters, signal);
    if (state.like.length) return api.recommend(name, {
      ...examples("like", state.like), ...examples("unlike", state.unlike),
      k: PAGE, offset, where, diversity: Number(state.diversity) || 0, ...(metric && { metric }),
    }, signal);
    if (state.q) return api.query(name, { text: state.q }, parameters, signal);
    return api.items(name, { where, limit: PAGE, offset }, signal);
  }
}

// One example and nothing else: its neighbours, as they are.
const isPlain = state => state.like.length === 1 && !state.unlike.length && !Number(state.diversity);
const isRecommended = state => state.like.length > 0 && !isPlain(state);
const asked = (state, id) => state.like.some(one => one.id === id);
export const bodyOf = ({ id, vector }) => id === undefined ? { vector: toVector(vector) } : { id };
export const isQuery = state => state.like.length > 0 || state.q !== "";

function examples(key, given) {
  const vectors = given.filter(one => one.id === undefined).map(one => toVector(one.vector));
  return {
    [key]: given.filter(one => one.id !== undefined).map(one => one.id),
    ...(vectors.length && { [`${key}_vectors`]: vectors }),
  };
}

const keyOf = ({ name, like, unlike, q, where, metric, diversity }) =>
  JSON.stringify([name, like.map(({ id, vector }) => [id, vector]), unlike, q, where, metric, diversity]);

// The answers to a state: on the way back those that were kept, and else new ones, since the
// collection may have changed.
export function answersTo(state, back = false) {
  const key = keyOf(state), known = kept.get(key);
  const found = known && (back || known.brought) ? known : new Answers(state);
  found.brought = false;
  kept.delete(key);
  kept.set(key, found);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return found;
}

// The collection is not what it was.
export const forgetAnswers = () => kept.clear();
