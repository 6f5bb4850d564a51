//! What a process uses, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;
use tracer_tests::kib_line;

/// CPU time of all its threads so far, in seconds.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    seconds_of(pid, |_| true)
}

/// CPU time of its threads of this name.
pub(super) fn thread_seconds(pid: u32, name: &str) -> Result<f64> {
    seconds_of(pid, |thread| thread == name)
}

fn seconds_of(pid: u32, is_counted: impl Fn(&str) -> bool) -> Result<f64> {
    let mut ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile; its time goes with it.
        let path = task?.path();
        let read = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
        if !is_counted(read("comm").trim_end()) {
            continue;
        }
        let text = read("schedstat");
        ns += text
            .split(' ')
            .next()
            .and_then(|ns| ns.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(ns as f64 / 1e9)
}

/// Resident bytes of its mappings of files with this in their name.
pub(super) fn mapped_bytes(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    Ok(mapped(&text, name))
}

fn mapped(smaps: &str, name: &str) -> u64 {
    let (mut inside, mut sum) = (false, 0);
    for line in smaps.lines() {
        match line.split_once(' ') {
            Some((first, rest)) if !first.ends_with(':') => inside = rest.contains(name),
            _ if inside => sum += kib_line(line, "Rss").unwrap_or(0),
            _ => {}
        }
    }
    sum
}

/// Memory of the BPF maps it holds, each once.
pub(super) fn map_bytes(pid: u32) -> Result<u64> {
    let mut maps = BTreeMap::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let text = fs::read_to_string(file?.path()).unwrap_or_default();
        maps.extend(map(&text));
    }
    Ok(maps.values().sum())
}

/// Id and size of a map.
fn map(fdinfo: &str) -> Option<(u64, u64)> {
    let number = |name: &str| {
        let line = fdinfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    Some((number("map_id:")?, number("memlock:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc() {
        let smaps = "7f00-7f10 rw-s 0 00:0f 9 anon_inode:bpf-map\nSize: 8 kB\nRss:      4 kB\n\
                     7f20-7f30 rw-p 0 00:00 0 [heap]\nRss:     12 kB\n";
        assert_eq!(mapped(smaps, "bpf-map"), 4 << 10);
        let fdinfo = "pos:\t0\nmap_type:\t27\nmemlock:\t4096\nmap_id:\t7\nfrozen:\t0\n";
        assert_eq!(map(fdinfo), Some((7, 4096)));
        assert_eq!(map("pos:\t0\nmemlock:\t4096\n"), None);
    }
}
