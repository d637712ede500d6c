//! What the control groups of this process allow, whatever their version (cgroups(7)).

use std::fs;
use std::path::Path;

/// One kind of limit.
pub(super) struct Controller {
    /// The controller of version 1.
    pub(super) name: &'static str,
    /// The file of version 2.
    pub(super) file: &'static str,
    /// The file of version 1.
    pub(super) file_of_version_1: &'static str,
}

/// The lowest limit of this process's groups and all above them; none where there is none. The kernel's files are looked for
/// below `root`.
pub(super) fn lowest(of: &Controller, root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    lowest_of(of, &groups, |path| {
        number(root.join(path.trim_start_matches('/')))
    })
}

/// A file of the kernel with one number; none where it is missing or says `max`.
pub(super) fn number(path: impl AsRef<Path>) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// As [`lowest`], of lines such as `0::/path` for version 2 and `N:pids:/path` for version 1.
fn lowest_of(of: &Controller, groups: &str, number: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let name = of.name;
        if controllers.is_empty() {
            lowest_on_the_way("/sys/fs/cgroup", group, of.file, &number)
        } else if controllers.split(',').any(|controller| controller == name) {
            let root = format!("/sys/fs/cgroup/{name}");
            lowest_on_the_way(&root, group, of.file_of_version_1, &number)
        } else {
            None
        }
    });
    limits.min()
}

/// Of a group and all above it; in a container the root is the container's own.
fn lowest_on_the_way(
    root: &str,
    mut group: &str,
    file: &str,
    number: &impl Fn(&str) -> Option<u64>,
) -> Option<u64> {
    let mut lowest: Option<u64> = None;
    loop {
        let limit = number(&format!("{root}{}/{file}", group.trim_end_matches('/')));
        lowest = lowest.into_iter().chain(limit).min();
        match group.rsplit_once('/') {
            Some((parent, last)) if !last.is_empty() => group = parent,
            _ => return lowest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Controller, lowest, lowest_of, number};

    const PIDS: Controller = Controller {
        name: "pids",
        file: "pids.max",
        file_of_version_1: "pids.max",
    };
    const MEMORY: Controller = Controller {
        name: "memory",
        file: "memory.max",
        file_of_version_1: "memory.limit_in_bytes",
    };

    #[test]
    fn the_lowest_of_the_control_groups_counts_whatever_their_version() {
        let number = |path: &str| match path {
            "/sys/fs/cgroup/system.slice/pids.max" => Some(900),
            "/sys/fs/cgroup/system.slice/detent.service/pids.max" => Some(1000),
            "/sys/fs/cgroup/pids/docker/pids.max" => Some(300),
            "/sys/fs/cgroup/pids/pids.max" => Some(50),
            "/sys/fs/cgroup/system.slice/detent.service/memory.max" => Some(7),
            "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes" => Some(8),
            "/sys/fs/cgroup/memory/memory.limit_in_bytes" => Some(1 << 62),
            _ => None,
        };
        let pids = |groups: &str| lowest_of(&PIDS, groups, number);
        assert_eq!(pids("0::/system.slice/detent.service\n"), Some(900));
        let hybrid = "12:cpu,cpuacct:/x\n8:pids:/docker/1234\n0::/system.slice\n";
        assert_eq!(pids(hybrid), Some(50));
        assert_eq!(pids("3:memory:/docker\n0::/\n"), None);
        assert_eq!(pids(""), None);
        let memory = |groups: &str| lowest_of(&MEMORY, groups, number);
        assert_eq!(memory("0::/system.slice/detent.service\n"), Some(7));
        assert_eq!(memory("4:memory:/docker\n0::/\n"), Some(8));
    }

    /// Cause: a mutant survived that never found a limit, on machines that set none.
    #[test]
    fn the_groups_of_this_process_and_their_limits_are_read_from_the_kernels_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        assert_eq!(lowest(&PIDS, root), None, "a kernel without control groups");
        let (own, group) = ("proc/self", "sys/fs/cgroup/system.slice");
        for (folder, file, text) in [
            (own, "cgroup", "0::/system.slice\n"),
            (group, "pids.max", "900\n"),
            (group, "memory.max", "max\n"),
        ] {
            fs::create_dir_all(root.join(folder)).expect("a folder in it");
            fs::write(root.join(folder).join(file), text).expect("it can be written");
        }
        assert_eq!(lowest(&PIDS, root), Some(900));
        assert_eq!(lowest(&MEMORY, root), None);
    }

    #[test]
    fn a_file_says_a_number_or_that_there_is_no_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pids.max");
        assert_eq!(number(&path), None);
        for (text, expected) in [("4096\n", Some(4096)), ("max\n", None)] {
            fs::write(&path, text).expect("it can be written");
            assert_eq!(number(&path), expected);
        }
    }
}
