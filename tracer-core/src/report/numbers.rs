//! Numbers as readers meet them.

const MIB: f64 = 1_048_576.0;

/// `12.3 MiB`.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB)
}

/// `512 bytes`, `1.5 KiB`, `12.3 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => plural(bytes, "byte"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => mib(bytes),
    }
}

/// `+12.3 MiB`.
pub(crate) fn signed_mib(bytes: i64) -> String {
    // Adding 0 turns -0.0 into 0.0.
    let tenths = (bytes as f64 / MIB * 10.0).round() + 0.0;
    format!("{:+.1} MiB", tenths / 10.0)
}

/// `objects of 512 bytes`; 0 stands for those with a span of their own.
pub(crate) fn objects(object_bytes: u64) -> String {
    match object_bytes {
        0 => "objects larger than 32 KiB".to_owned(),
        bytes => format!("objects of {bytes} bytes"),
    }
}

/// What stands before an estimate.
pub(crate) const fn about(estimated: bool) -> &'static str {
    if estimated { "about " } else { "" }
}

/// `1 call`, `2 calls`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(mib(428_867_584), "409.0 MiB");
        assert_eq!(mib(0), "0.0 MiB");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(428_867_584), "409.0 MiB");
        assert_eq!(signed_mib(-4096), "+0.0 MiB");
        assert_eq!(signed_mib(-3 << 20), "-3.0 MiB");
        assert_eq!(objects(0), "objects larger than 32 KiB");
        assert_eq!(objects(48), "objects of 48 bytes");
        assert_eq!(plural(1, "call"), "1 call");
        assert_eq!(plural(0, "call"), "0 calls");
    }
}
