// How many reported messages wait, at the link that leads to them. Only who rules the room has it.

/** Follow what the log tells moderators: somebody reported a message, somebody looked at it. */
export function countReports({ act, facts }, link = document.querySelector("[data-reports]")) {
  if (!link || !facts?.target || !["report", "resolved"].includes(act)) return
  const open = new Set(link.dataset.reports.split(" ").filter(Boolean))
  if (act === "report") open.add(String(facts.target))
  else open.delete(String(facts.target))
  link.dataset.reports = [...open].join(" ")
  const number = link.querySelector(".n")
  number.textContent = open.size
  number.hidden = !open.size
  link.setAttribute("aria-label", open.size ? `Reports, ${open.size} open` : "Reports")
}
