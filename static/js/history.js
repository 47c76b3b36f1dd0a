// The rest of the log, page by page, by number: nothing between two pages is ever left out.

const PAGE = 50

export class History {
  #slug
  #busy = null

  constructor(slug, { older, newer }) {
    this.#slug = slug
    this.older = older
    this.newer = newer
  }

  /** The page before a number; null where there is none, or one is on its way. */
  async before(seq) {
    if (!this.older || this.#busy) return null
    const page = await this.#fetch({ before: seq })
    if (page) this.older = !page.complete
    return page?.entries ?? null
  }

  /** The page after a number. */
  async after(seq) {
    if (!this.newer || this.#busy) return null
    const page = await this.#fetch({ after: seq })
    if (page) this.newer = !page.complete
    return page?.entries ?? null
  }

  /** The end of the log, as it stands now. */
  async latest() {
    await this.#busy
    const page = await this.#fetch({})
    if (page) Object.assign(this, { older: !page.complete, newer: false })
    return page
  }

  async #fetch(range) {
    this.#busy = this.#ask(range)
    try {
      return await this.#busy
    } finally {
      this.#busy = null
    }
  }

  async #ask(range) {
    const query = new URLSearchParams({ ...range, limit: PAGE })
    try {
      const answer = await fetch(`/api/rooms/${this.#slug}/messages?${query}`, {
        headers: { accept: "application/json" },
      })
      return answer.ok ? await answer.json() : null
    } catch {
      return null
    }
  }
}
