//! Which namespaces this process is in.

use std::io;

use super::fields::number;

/// Inodes the kernel gives the first namespaces (`include/linux/proc_ns.h`).
const FIRST_USER: u64 = 0xefff_fffd;
const FIRST_PID: u64 = 0xefff_fffc;

/// Whether pids mean here what the kernel side sees: those of the first pid namespace.
///
/// # Errors
/// When `/proc` is not there.
pub fn has_first_pids() -> io::Result<bool> {
    Ok(read("pid")? == FIRST_PID)
}

/// Whether our capabilities count for the machine and not only for a user namespace.
///
/// # Errors
/// When `/proc` is not there.
pub fn has_first_users() -> io::Result<bool> {
    Ok(read("user")? == FIRST_USER)
}

fn read(kind: &str) -> io::Result<u64> {
    let link = std::fs::read_link(format!("/proc/self/ns/{kind}"))?;
    parse(link.as_os_str().as_encoded_bytes()).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("namespace {}", link.display()),
        )
    })
}

/// The inode of a link `pid:[4026531836]`.
fn parse(link: &[u8]) -> Option<u64> {
    let open = link.iter().position(|byte| *byte == b'[')?;
    number(link.get(open + 1..)?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        assert_eq!(parse(b"pid:[4026531836]"), Some(FIRST_PID));
        assert_eq!(parse(b"user:[4026531837]"), Some(FIRST_USER));
        for link in [&b""[..], b"pid:", b"pid:[", b"pid:[]", b"pid:[x]", b"\xff"] {
            assert_eq!(parse(link), None);
        }
    }
}
