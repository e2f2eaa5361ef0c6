// Versions of memories: what a newer one replaced, and what that one was replaced by in its turn.

// Return groups of rows that say what replaced what: of each chain the newest stays, and all before it may go, newest first.
export function chains(rows) {
  const by = new Map(rows.map((row) => [row.memory.id, row.by]));
  const groups = new Map();
  for (const { memory } of rows) {
    let [last, seen] = [memory, new Set()];
    while (by.get(last.id) && !seen.has(last.id)) {
      seen.add(last.id);
      last = by.get(last.id);
    }
    const keep = last.id === memory.id || by.has(last.id) ? null : last; // the newest is gone itself, and nothing stays
    const group = groups.get(last.id) ?? { keep, others: [] };
    if (last.id !== memory.id || !keep) group.others.push(memory);
    groups.set(last.id, group);
  }
  for (const group of groups.values()) group.others.sort((a, b) => (a.id < b.id ? 1 : -1));
  return [...groups.values()];
}
