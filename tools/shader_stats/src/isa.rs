//! What RADV's machine code tells of loads.

/// Vector memory loads that have been issued and not been waited for.
pub struct Loads {
    /// The most, in straight-line code: a loop's loads do not count from one round to the next.
    pub ahead: usize,
    /// The most in a round of each innermost loop that has loads.
    pub in_loops: Vec<usize>,
}

/// Reads the disassembly of one shader.
pub fn loads(assembly: &str) -> Loads {
    let lines: Vec<&str> = assembly.lines().map(|line| line.split(';').next().unwrap_or_default().trim()).collect();
    let loops = innermost_loops(&lines);
    let in_loops = loops.iter().map(|&(first, end)| most_ahead(&lines[first..end])).filter(|&most| most > 0);
    Loads { ahead: most_ahead(&lines), in_loops: in_loops.collect() }
}

fn most_ahead(lines: &[&str]) -> usize {
    let (mut waiting, mut most) = (0usize, 0);
    for line in lines {
        if is_load(line) {
            waiting += 1;
            most = most.max(waiting);
        } else if let Some(left) = wait(line) {
            waiting = waiting.min(left);
        }
    }
    most
}

fn is_load(line: &str) -> bool {
    ["buffer_load", "global_load", "flat_load"].iter().any(|load| line.starts_with(load))
}

/// How many loads an instruction leaves unwaited for.
fn wait(line: &str) -> Option<usize> {
    let (_, after) = line.strip_prefix("s_waitcnt")?.split_once("vmcnt(")?;
    after.split(')').next()?.parse().ok()
}

/// The loops, as ranges of lines, that have no other loop within.
fn innermost_loops(lines: &[&str]) -> Vec<(usize, usize)> {
    let label = |name: &str| lines.iter().position(|line| line.strip_suffix(':') == Some(name));
    let mut loops = Vec::new();
    for (end, line) in lines.iter().enumerate() {
        let Some((instruction, target)) = line.split_once(' ') else { continue };
        if (instruction.starts_with("s_branch") || instruction.starts_with("s_cbranch"))
            && let Some(start) = label(target.trim()).filter(|&start| start < end)
        {
            loops.push((start, end));
        }
    }
    let contains =
        |outer: &(usize, usize), inner: &(usize, usize)| outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1;
    loops.iter().filter(|outer| !loops.iter().any(|inner| contains(outer, inner))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_count_until_they_are_waited_for() {
        let assembly = "BB0:
            buffer_load_dwordx4 v[0:3], v4, s[0:3], 0 offen ; e0301000
            global_load_dword v5, v6, s[4:5]
            s_waitcnt vmcnt(1)
            buffer_load_dword v7, v8, s[0:3], 0
        BB1:
            buffer_load_dword v7, v8, s[0:3], 0
            s_waitcnt vmcnt(0) lgkmcnt(0)
            buffer_load_dword v9, v8, s[0:3], 0
            buffer_load_dword v10, v8, s[0:3], 0
            s_cbranch_scc1 BB1
            s_branch BB2
        BB2:
            s_endpgm";
        let Loads { ahead, in_loops } = loads(assembly);
        assert_eq!((ahead, in_loops), (3, vec![2]));
    }
}
