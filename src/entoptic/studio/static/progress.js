// How far a run is: in a sentence, and as a curve.

const minutes = (seconds) => seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;

export function sentence(run) {
  if (run.state === "waiting") return run.ahead ? `Waiting: ${run.ahead} before you` : "Waiting";
  if (run.state === "failed") return "";
  if (run.state === "working") {
    if (!run.done) return "Preparing the network";
    const left = run.left === null || run.done < 2 ? "" : ` · ${minutes(run.left)} left`;
    return `${run.stage} · ${run.done} of ${run.count}${left}`;
  }
  const kept = run.result ? ` · kept as ${run.result}` : "";
  return run.state === "done" ? `Done in ${minutes(run.took)}${kept}` : run.done ? `Stopped after ${run.done} of ${run.count}${kept}` : "Stopped";
}

export function sparkline(into, scores) {
  if (scores.length < 2) { into.replaceChildren(); return; }
  const low = Math.min(...scores), span = Math.max(...scores) - low || 1;
  const points = scores.map((score, at) => `${(at / (scores.length - 1) * 100).toFixed(1)},${(27 - (score - low) / span * 24).toFixed(1)}`);
  into.innerHTML = `<svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label="Score: ${scores.at(-1).toPrecision(3)}"><polyline points="${points.join(" ")}"/></svg>`;
}
