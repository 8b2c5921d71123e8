// The page's side of the worker: load the model once, then ask it.

export class Model {
  #worker;
  #waiting = new Map();
  #number = 0;

  /**
   * Load the model.
   * @param {(loaded: number, total: number) => void} told hears how many bytes have come
   * @returns {Promise<Model>} with `page`, which is page.json, and `loads`, what the worker loaded
   */
  static load(told) {
    return new Promise((resolve, reject) => {
      const model = new Model();
      const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      model.#worker = worker;
      worker.onerror = (event) => reject(new Error(event.message || "The model's thread could not be started."));
      worker.onmessage = ({ data }) => {
        if (data.kind === "loading") told(data.loaded, data.total);
        else if (data.kind === "broken") reject(new Error(data.message));
        else if (data.kind === "ready") resolve(Object.assign(model, { page: data.page, loads: data.loads }));
        else model.#heard(data);
      };
    });
  }

  /** See `ask` in tasks.js; several questions are answered one after the other. */
  ask(question) {
    this.#number += 1;
    const number = this.#number;
    this.#worker.postMessage({ number, question });
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }

  #heard(data) {
    const { resolve, reject } = this.#waiting.get(data.number);
    this.#waiting.delete(data.number);
    if (data.kind === "fault") reject(new Error(data.message));
    else resolve(data);
  }
}
