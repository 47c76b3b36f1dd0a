// Times as the clock on the reader's wall says them.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short", hourCycle: "h23" })
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" })
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" })
const DATE_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" })

/** 23:52 */
export function clock(at) {
  return CLOCK.format(new Date(at))
}

/** The local day as a key: 2026-11-21. */
export function dayKey(at) {
  const date = new Date(at)
  const two = (number) => String(number).padStart(2, "0")
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** Saturday 21 November; with the year where it is another one. */
export function dayWords(at) {
  const date = new Date(at)
  return date.getFullYear() === new Date().getFullYear()
    ? DAY.format(date).replace(",", "")
    : DATE_OF_YEAR.format(date)
}

/** An end: the clock where it is near, the date where it is far. */
export function end(at) {
  const date = new Date(at)
  if (date.getFullYear() > 9000) return "further notice"
  const near = date - Date.now() < 20 * 3600_000
  if (near) return clock(at)
  return (date.getFullYear() === new Date().getFullYear() ? DATE : DATE_OF_YEAR).format(date)
}

/** 30 seconds, 1 minute, 6 hours */
export function length(seconds) {
  const [size, name] = [
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ].find(([unit]) => seconds % unit === 0)
  return `${seconds / size} ${name}${seconds === size ? "" : "s"}`
}

/** 0:41, 12:05, 1:02:03 */
export function left(milliseconds) {
  const all = Math.max(0, Math.ceil(milliseconds / 1000))
  const two = (number) => String(number).padStart(2, "0")
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
}

/** just now, 4 min ago, 2 h ago, 12 May */
export function ago(at, now = Date.now()) {
  const minutes = Math.floor((now - new Date(at)) / 60_000)
  if (minutes < 1) return "just now"
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`
  return DATE.format(new Date(at))
}

/** Turn every time the server wrote into the reader's own. */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = time.getAttribute("datetime")
    if (!at) continue
    time.textContent = "ago" in time.dataset ? ago(at) : time.closest("[data-slot]") ? end(at) : clock(at)
    time.title = FULL.format(new Date(at))
  }
}
