//! The MD5 that isomd5sum embeds in a volume. It is in the application use of the primary volume descriptor (ECMA-119 §8.4.32),
//! which is free for such purposes.

use super::Volume;
use crate::error::Result;

/// Offset of the application use in a volume descriptor, and its length (§8.4.32).
const APPLICATION_USE: u64 = 883;
const LENGTH: u64 = 512;

/// Digits of all fragment sums together.
const FRAGMENT_DIGITS: usize = 60;

/// Size of a sector in bytes, as isomd5sum counts them.
const SECTOR: u64 = 2048;

/// An embedded MD5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImplantedMd5 {
    /// The MD5 of the first [`length`](Self::length) bytes in lower-case hexadecimal, with the bytes in [`cleared`](Self::cleared)
    /// read as spaces.
    pub digest: String,
    /// How many bytes of the volume are hashed: all except the skipped sectors at the end.
    pub length: u64,
    /// The bytes that count as spaces: those that hold the MD5 itself.
    pub cleared: std::ops::Range<u64>,
    /// The first digits of the MD5 up to the end of each fragment. Empty if some are missing.
    pub fragments: Vec<String>,
}

impl Volume<'_> {
    /// The MD5 that is embedded in the volume, if there is one.
    ///
    /// # Errors
    /// If the volume descriptor cannot be read.
    pub fn implanted_md5(&self) -> Result<Option<ImplantedMd5>> {
        let primary = &self.descriptors().primary;
        let start = primary.offset + APPLICATION_USE;
        let bytes = self.region.bytes("application use", start, LENGTH)?;
        let blocks = u64::from(primary.blocks);
        Ok(implanted(&String::from_utf8_lossy(&bytes), blocks * SECTOR, start))
    }
}

fn implanted(text: &str, volume: u64, start: u64) -> Option<ImplantedMd5> {
    let value = |name: &str| text.split(';').find_map(|part| part.trim_start().strip_prefix(name)).map(str::trim);
    let digest = value("ISO MD5SUM = ").filter(|digest| digest.len() == 32)?;
    let skipped: u64 = value("SKIPSECTORS = ")?.parse().ok()?;
    let length = volume.checked_sub(skipped.checked_mul(SECTOR)?)?;
    let count = value("FRAGMENT COUNT = ").and_then(|count| count.parse().ok()).filter(|&count| count > 0);
    let sums = value("FRAGMENT SUMS = ").filter(|sums| sums.len() == FRAGMENT_DIGITS && sums.is_ascii());
    let fragments = match (count, sums) {
        (Some(count), Some(sums)) if count <= FRAGMENT_DIGITS => {
            let size = FRAGMENT_DIGITS / count;
            (0..count).filter_map(|index| sums.get(index * size..(index + 1) * size)).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let digest = digest.to_ascii_lowercase();
    Some(ImplantedMd5 { digest, length, cleared: start..start + LENGTH, fragments })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "87c43cfbfc78a9c42516d7308354753a";

    #[test]
    fn the_text_tells_digest_length_and_fragments() {
        let sums = "55dc75c6398123643ab7b2fb54fbc756c6f4f3b832e8855a3bf3832762bb";
        let text = format!(
            "ISO MD5SUM = {DIGEST};SKIPSECTORS = 15;RHLISOSTATUS=0;FRAGMENT SUMS = {sums};FRAGMENT COUNT = 20;THIS IS  "
        );
        let found = implanted(&text, 100 * SECTOR, 33_651).unwrap();
        assert_eq!((found.digest.as_str(), found.length, found.cleared), (DIGEST, 85 * SECTOR, 33_651..34_163));
        assert_eq!((found.fragments.len(), found.fragments[19].as_str()), (20, "2bb"));
    }

    #[test]
    fn what_is_not_whole_is_none() {
        for text in [
            "",
            "ISO MD5SUM = 12;SKIPSECTORS = 15;",
            &format!("ISO MD5SUM = {DIGEST};"),
            &format!("ISO MD5SUM = {DIGEST};SKIPSECTORS = 101;"),
            &format!("ISO MD5SUM = {DIGEST};SKIPSECTORS = 18446744073709551615;"),
        ] {
            assert_eq!(implanted(text, 100 * SECTOR, 0), None, "{text}");
        }
        let short = format!("ISO MD5SUM = {DIGEST};SKIPSECTORS = 0;FRAGMENT SUMS = e54;FRAGMENT COUNT = 20;");
        assert_eq!(implanted(&short, SECTOR, 0).unwrap().fragments, Vec::<String>::new());
    }
}
