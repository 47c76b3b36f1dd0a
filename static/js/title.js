// The title of the tab: how many wait here, and how many mean you elsewhere.

export class Title {
  #base
  #here = 0
  #elsewhere = 0
  #quiet = false
  #hushed = false

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

  /** While you are not to be disturbed the title counts nothing. */
  quiet(yes) {
    this.#quiet = yes
    this.#draw()
  }

  /** A room that tells you of nothing is not counted. */
  hush(yes) {
    this.#hushed = yes
    this.#draw()
  }

  rename(base) {
    this.#base = base
    this.#draw()
  }

  #draw() {
    const count = this.#quiet ? 0 : (this.#hushed ? 0 : this.#here) + this.#elsewhere
    document.title = count ? `(${count}) ${this.#base}` : this.#base
  }
}
