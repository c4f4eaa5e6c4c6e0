// Show times in the reader's time zone; the tooltip has the UTC time.
const twoDigits = (number) => String(number).padStart(2, "0");

export function local(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || time.title) continue;
    time.title = time.textContent;
    const day = `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
    time.textContent = `${day} ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`;
  }
}
