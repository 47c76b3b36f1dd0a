// The title of the tab: how many wait here, and how many mean you elsewhere.

export class Title {
  #base
  #here = 0
  #elsewhere = 0

  constructor() {
    this.#base = document.title
  }

  here(count) {
    this.#here = count
    this.#draw()
  }

  elsewhere(count) {
    this.#elsewhere = count
    this.#draw()
  }

  rename(base) {
    this.#base = base
    this.#draw()
  }

  #draw() {
    const count = this.#here + this.#elsewhere
    document.title = count ? `(${count}) ${this.#base}` : this.#base
  }
}
