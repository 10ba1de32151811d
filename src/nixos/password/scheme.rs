//! The schemes of crypt(5): how a password's hash looks, and how good it is.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

/// Characters that a salt needs so that nobody can guess it; each has six bits.
const LONG_SALT: usize = 12;

/// How a password is hashed (crypt(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// The default of NixOS since 23.05.
    Yescrypt,
    /// yescrypt with GOST R 34.11-2012.
    GostYescrypt,
    /// yescrypt with SM3 (libxcrypt 4.4.37 and later).
    Sm3Yescrypt,
    /// scrypt.
    Scrypt,
    /// bcrypt, in all its variants.
    Bcrypt,
    /// sha512crypt, the default of NixOS before 23.05.
    Sha512,
    /// sha256crypt.
    Sha256,
    /// sha1crypt.
    Sha1,
    /// MD5 as Solaris uses it.
    SunMd5,
    /// md5crypt.
    Md5,
    /// MD4 without a salt, as in SMB.
    Nt,
    /// BSDi's extended DES.
    BsdiDes,
    /// Several DES hashes in a row.
    Bigcrypt,
    /// Traditional DES.
    Des,
    /// Not in crypt(5), although it begins with a dollar sign.
    Unknown,
}

/// One scheme of crypt(5).
struct Row {
    scheme: Scheme,
    name: &'static str,
    prefixes: &'static [&'static str],
    /// A whole hash, as a regular expression. Real programs write nothing else; an empty salt is rare but valid.
    pattern: &'static str,
    salt: Salt,
    support: Support,
}

/// Where the salt is in a hash.
enum Salt {
    None,
    /// Too short to keep a digest of the hash from being tested against a list of passwords.
    Short,
    /// Before the last dollar sign, after this many characters of parameters.
    Field(usize),
    /// Always 22 characters, in a hash of this length.
    Fixed(usize),
}

/// Whether libxcrypt accepts a scheme as nixpkgs has built it since 23.05 (pkgs/by-name/li/libxcrypt, `enabledCryptSchemeIds`).
#[derive(PartialEq, Eq)]
enum Support {
    Current,
    Dropped,
}

/// Those without a prefix come last.
const SCHEMES: [Row; 14] = {
    use Scheme::{Bcrypt, Bigcrypt, BsdiDes, Des, GostYescrypt, Md5, Nt, Scrypt, Sha1, Sha256, Sha512, Sm3Yescrypt};
    use Scheme::{SunMd5, Yescrypt};
    use Support::{Current, Dropped};
    const fn row(
        (scheme, name): (Scheme, &'static str),
        (prefixes, pattern): (&'static [&'static str], &'static str),
        salt: Salt,
        support: Support,
    ) -> Row {
        Row { scheme, name, prefixes, pattern, salt, support }
    }
    [
        row(
            (Yescrypt, "yescrypt"),
            (&["$y$"], r"\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}"),
            Salt::Field(0),
            Current,
        ),
        row(
            (GostYescrypt, "gost-yescrypt"),
            (&["$gy$"], r"\$gy\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}"),
            Salt::Field(0),
            Current,
        ),
        row(
            (Sm3Yescrypt, "sm3-yescrypt"),
            (&["$sm3y$"], r"\$sm3y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}"),
            Salt::Field(0),
            Current,
        ),
        row((Scrypt, "scrypt"), (&["$7$"], r"\$7\$[./A-Za-z0-9]{11,97}\$[./A-Za-z0-9]{43}"), Salt::Field(11), Current),
        row(
            (Bcrypt, "bcrypt"),
            (&["$2a$", "$2b$", "$2x$", "$2y$"], r"\$2[abxy]\$[0-3][0-9]\$[./A-Za-z0-9]{53}"),
            Salt::Fixed(60),
            Current,
        ),
        row(
            (Sha512, "sha512"),
            (&["$6$"], r"\$6\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{0,16}\$[./A-Za-z0-9]{86}"),
            Salt::Field(0),
            Current,
        ),
        row(
            (Sha256, "sha256"),
            (&["$5$"], r"\$5\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{0,16}\$[./A-Za-z0-9]{43}"),
            Salt::Field(0),
            Dropped,
        ),
        row(
            (Sha1, "sha1"),
            (&["$sha1"], r"\$sha1\$[0-9]{1,10}\$[./A-Za-z0-9]{0,64}\$[./A-Za-z0-9]{28}"),
            Salt::Short,
            Dropped,
        ),
        row(
            (SunMd5, "sunmd5"),
            (&["$md5"], r"\$md5(?:,rounds=[0-9]{1,10})?\$[./A-Za-z0-9]{0,16}\${1,2}[./A-Za-z0-9]{22}"),
            Salt::Short,
            Dropped,
        ),
        row((Md5, "md5"), (&["$1$"], r"\$1\$[^$:\s\x00]{0,8}\$[./A-Za-z0-9]{22}"), Salt::Short, Dropped),
        row((Nt, "nt"), (&["$3$"], r"\$3\$\$[0-9a-f]{32}"), Salt::None, Dropped),
        row((BsdiDes, "bsdi-des"), (&["_"], "_[./A-Za-z0-9]{19}"), Salt::Short, Dropped),
        // The salt and the first eight characters of the password make 13, each further eight characters 11.
        row((Bigcrypt, "bigcrypt"), (&[], "[./A-Za-z0-9]{13}(?:[./A-Za-z0-9]{11}){1,15}"), Salt::Short, Dropped),
        row((Des, "des"), (&[], "[./A-Za-z0-9]{13}"), Salt::Short, Dropped),
    ]
};

impl Scheme {
    /// Every scheme of crypt(5).
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SCHEMES.iter().map(|row| row.scheme)
    }

    fn row(self) -> Option<&'static Row> {
        SCHEMES.iter().find(|row| row.scheme == self)
    }

    /// The scheme of a password field in `/etc/shadow`. `None` if no password hashes to it.
    #[must_use]
    pub fn of(field: &str) -> Option<Self> {
        let prefixed = |row: &&Row| row.prefixes.iter().any(|prefix| field.starts_with(prefix));
        match SCHEMES.iter().find(prefixed).map(|row| row.scheme) {
            Some(Self::BsdiDes) => (field.len() == 20 && field.bytes().skip(1).all(is_letter)).then_some(Self::BsdiDes),
            Some(scheme) => Some(scheme),
            None if field.starts_with('$') => Some(Self::Unknown),
            None => Self::of_des(field),
        }
    }

    fn of_des(field: &str) -> Option<Self> {
        let further = field.len().checked_sub(13).filter(|_| field.bytes().all(is_letter))?;
        match further {
            0 => Some(Self::Des),
            further => (further % 11 == 0 && further <= 15 * 11).then_some(Self::Bigcrypt),
        }
    }

    /// How hashes of this scheme begin; those of traditional DES have no prefix.
    pub(crate) fn prefixes(self) -> &'static [&'static str] {
        self.row().map_or(&[], |row| row.prefixes)
    }

    /// Whether its hashes begin with a dollar sign, which makes them recognizable anywhere.
    pub(crate) fn begins_with_dollar(self) -> bool {
        self.prefixes().iter().any(|prefix| prefix.starts_with('$'))
    }

    /// A whole hash, as a regular expression.
    pub(crate) fn pattern(self) -> &'static str {
        self.row().map_or("", |row| row.pattern)
    }

    /// Whether the field is a whole hash. No password has a hash that is cut, has other parameters or is of an unknown scheme.
    pub(super) fn fits(self, field: &str) -> bool {
        // Many users have hashes of the same scheme, and a pattern takes longer to compile than to match.
        static WHOLE: [OnceLock<Option<Regex>>; SCHEMES.len()] = [const { OnceLock::new() }; SCHEMES.len()];
        let Some(at) = SCHEMES.iter().position(|row| row.scheme == self) else { return false };
        let compile = || RegexBuilder::new(&format!("^(?:{})$", self.pattern())).unicode(false).build().ok();
        let whole = WHOLE.get(at).and_then(|whole| whole.get_or_init(compile).as_ref());
        let rounds = field.split('$').nth(2).and_then(|rounds| rounds.strip_prefix("rounds="));
        // crypt(3) does not return any others.
        let usual = |rounds: &str| {
            !rounds.starts_with('0') && rounds.parse().is_ok_and(|rounds| (1_000..=999_999_999u64).contains(&rounds))
        };
        whole.is_some_and(|whole| whole.is_match(field.as_bytes())) && rounds.is_none_or(usual)
    }

    /// Whether its hashes have a salt.
    pub(crate) fn is_salted(self) -> bool {
        self.row().is_some_and(|row| !matches!(row.salt, Salt::None))
    }

    /// Whether nobody can guess the salt of this hash. If it is short, a digest of the hash gives the password away as easily as
    /// the hash does.
    pub(super) fn has_long_salt(self, hash: &str) -> bool {
        match self.row().map(|row| &row.salt) {
            Some(Salt::Field(parameters)) => {
                hash.rsplit('$').nth(1).is_some_and(|salt| salt.len() >= parameters + LONG_SALT)
            }
            Some(Salt::Fixed(length)) => hash.len() == *length,
            Some(Salt::None | Salt::Short) | None => false,
        }
    }

    /// Whether NixOS still accepts it; since 23.05 it accepts strong schemes only.
    #[must_use]
    pub fn is_current(self) -> bool {
        self.row().is_some_and(|row| row.support == Support::Current)
    }

    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown", |row| row.name)
    }
}

/// Whether a byte is in crypt's own base 64.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One hash of "hello" for each scheme, as libxcrypt 4.4 writes it; it has no SM3 and `bigcrypt` only with long passwords.
    const HASHES: [(&str, &str); 13] = [
        ("yescrypt", "$y$j9T$$CCvcj9JFRFoWahx/AHoCOa1VfCTb2YDqQQ4bkylaJ18"),
        (
            "gost-yescrypt",
            "$gy$j9T$k2XAnEHBqQ1Ct2aMXFKNa/HAmA1BpMnBsYHMWB4NZN4$0cfqjz3mXagbpfEOWPH5M1JrvYQ2bvDpueSLVkY9i8B",
        ),
        ("scrypt", "$7$CU..../....$mIVx61TZuU0MxIKT1Hq/db20sc1ea.DaSWACxIl2Rs8"),
        ("bcrypt", "$2y$05$KBCwKxOzLha2MUDgW0PjXe5D9uuAp7I2O6z7376h1/7l92xku5xLG"),
        ("sha512", "$6$$8E8LfwilfZ5LGh4IJH.CRzu9SqEBIk11xcvH1HL2h7nPXSOL41SgqNeOe1lSKb0D0r.6tMA2NFig55Fr3bO1V0"),
        ("sha256", "$5$k2XAnEHBqQ1Ct2aM$qxh.wZMmwvTx//hhOgetDl4Zrf8bbe/MwBSGP2RA.s/"),
        ("sha1", "$sha1$249552$qI1BtUnBX7KMaJ4Nm21ApEnAsQXBW3KCZFqM$l9tv/m.E7AyfCBPNSSq4H3QmjfKM"),
        ("sunmd5", "$md5,rounds=45105$mA1BpMnB$$YG6/tru4bSmbRkRp7kx.x."),
        ("md5", "$1$k2XAnEHB$dWZEUlvdCzi8CXecpqC8f/"),
        ("nt", "$3$$066ddfd4ef0e9cd7c256fe77191ef43c"),
        ("bsdi-des", "_J9..k2XAPOwHIgPQIpk"),
        ("bigcrypt", "abl0JrMf6tlhwabl0JrMf6tl"),
        ("des", "abl0JrMf6tlhw"),
    ];

    #[test]
    fn a_hash_that_libcrypt_writes_matches_the_pattern_of_its_scheme_and_of_no_other() {
        for (name, hash) in HASHES {
            let matches = |scheme: &Scheme| {
                let whole = regex::Regex::new(&format!("^(?:{})$", scheme.pattern())).unwrap();
                whole.is_match(hash)
            };
            let matching: Vec<_> = Scheme::all().filter(matches).map(Scheme::name).collect();
            assert_eq!((matching, Scheme::of(hash).map(Scheme::name)), (vec![name], Some(name)), "{hash}");
        }
    }

    #[test]
    fn only_a_long_salt_lets_a_digest_be_shown() {
        let salted = |salt: &str| format!("$6${salt}${}", "a".repeat(86));
        let bcrypt = HASHES[3].1;
        for (hash, long) in [
            (salted("elevenchars"), false),
            (salted("twelve.chars"), true),
            (bcrypt.to_owned(), true),
            (HASHES[2].1.to_owned(), false),
            ("abl0JrMf6tlhw".to_owned(), false),
        ] {
            assert_eq!(Scheme::of(&hash).unwrap().has_long_salt(&hash), long, "{hash}");
        }
    }
}
