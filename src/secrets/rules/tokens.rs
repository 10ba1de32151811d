//! Tokens of services, recognized by their prefixes or by their files.

use std::borrow::Cow;

use super::Identity::{Hidden, Told};
use super::places::{ENVIRONMENT, NIX, NPM};
use super::{Before, EVERYWHERE, Rule, Test, Whose, needle, pattern};
use crate::secrets::filter::Needle;

pub(super) static RULES: [Rule; 23] = [
    token(
        &[needle("ghp_", 0), needle("gho_", 0), needle("ghu_", 0), needle("ghs_", 0), needle("ghr_", 0)],
        pattern("GitHub", Told, r"(gh[pousr]_[A-Za-z0-9]{36})(?:[^A-Za-z0-9]|$)"),
    ),
    token(
        &[needle("github_pat_", 3)],
        pattern("GitHub", Told, r"(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?:[^A-Za-z0-9]|$)"),
    ),
    token(
        &[needle("glpat-", 0)],
        // Newer ones end in a dot, a length and a checksum.
        pattern(
            "GitLab",
            Told,
            r"(glpat-(?:[A-Za-z0-9_-]{20}|[A-Za-z0-9_-]{27,300}\.[0-9a-z.]{9,12}))(?:[^A-Za-z0-9_-]|$)",
        ),
    ),
    token(
        &[needle("AKIA", 0), needle("ASIA", 0)],
        pattern(
            "AWS",
            Told,
            r#"A[KS]IA[A-Z2-7]{16}[^A-Za-z0-9][\s\S]{0,200}?(?i:secret[a-z_ ]{0,20})["']?\s*[:=]\s*["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        ),
    ),
    // Half of a secret. The other half is usually nearby.
    token(&[needle("AKIA", 0)], pattern("AWS access key id", Told, r"(AKIA[A-Z2-7]{16})(?:[^A-Za-z0-9/+=_]|$)")),
    token(
        &[needle("xoxb-", 0), needle("xoxp-", 0)],
        pattern("Slack", Told, r"(xox[bp]-[0-9]{9,13}-[0-9]{9,13}[0-9A-Za-z-]{20,})"),
    ),
    token(
        &[needle("sk_live_", 1), needle("rk_live_", 1)],
        pattern("Stripe", Told, r"([rs]k_live_[A-Za-z0-9]{24,247})(?:[^A-Za-z0-9_]|$)"),
    ),
    token(&[needle("npm_", 0)], pattern("npm", Told, r"(npm_[A-Za-z0-9]{36})(?:[^A-Za-z0-9_]|$)")),
    token(&[needle("hf_", 0)], pattern("Hugging Face", Told, r"(hf_[A-Za-z]{34})(?:[^A-Za-z0-9_]|$)")),
    token(
        &[needle("AIza", 0)],
        // In a program, a zero byte ends it. A program's own keys are public.
        pattern("Google", Told, r"(AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_\x00-]|$)"),
    ),
    token(
        &[needle("tskey-", 0)],
        pattern("Tailscale", Told, r"(tskey-(?:[a-z]{2,10}-)?[A-Za-z0-9]{8,24}-[A-Za-z0-9]{16,40})(?:[^A-Za-z0-9-]|$)"),
    ),
    token(
        &[needle("sk-ant-", 2)],
        pattern("Anthropic", Told, r"(sk-ant-[a-z]{2,8}[0-9]{2}-[A-Za-z0-9_-]{80,120})(?:[^A-Za-z0-9_-]|$)"),
    ),
    token(&[needle("sk-proj-", 0)], pattern("OpenAI", Told, r"(sk-proj-[A-Za-z0-9_-]{40,200})(?:[^A-Za-z0-9_-]|$)")),
    token(&[needle("dckr_pat_", 0)], pattern("Docker Hub", Told, r"(dckr_pat_[A-Za-z0-9_-]{27})(?:[^A-Za-z0-9_-]|$)")),
    token(
        &[needle("pypi-AgEIcHlwaS5vcmc", 4)],
        pattern("PyPI", Told, r"(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,1000})(?:[^A-Za-z0-9_-]|$)"),
    ),
    token(&[needle("dop_v1_", 2)], pattern("DigitalOcean", Told, r"(dop_v1_[0-9a-f]{64})(?:[^A-Za-z0-9]|$)")),
    token(&[needle("hvs.", 0)], pattern("Vault", Told, r"(hvs\.[A-Za-z0-9_-]{24,200})(?:[^A-Za-z0-9_-]|$)")),
    token(
        // `{"alg":`, `{"typ":` and `{"kid":` in base64.
        &[needle("eyJhbGci", 3), needle("eyJ0eXAi", 3), needle("eyJraWQi", 3)],
        pattern(
            "JWT",
            Told,
            r"(eyJ[A-Za-z0-9_-]{17,500}\.eyJ[A-Za-z0-9_-]{7,4000}\.[A-Za-z0-9_-]{40,700})(?:[^A-Za-z0-9_.-]|$)",
        ),
    ),
    Rule {
        noticed: Cow::Borrowed(&[needle("_authToken", 3)]),
        kind: "token",
        places: NPM,
        before: Before::Anything,
        whose: Whose::Unsaid,
        test: pattern("npm", Told, r#"_authToken\s*=\s*["']?([A-Za-z0-9_=./+-]{20,})["']?"#),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("_auth", 0), needle("_password", 0)]),
        kind: "password",
        places: NPM,
        before: Before::Anything,
        whose: Whose::Unsaid,
        test: pattern("npm", Hidden, r#"_(?:auth|password)\s*=\s*["']?([A-Za-z0-9+/=]{8,})["']?"#),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("access-tokens", 4)]),
        kind: "token",
        places: NIX,
        before: Before::Anything,
        whose: Whose::Unsaid,
        test: pattern(
            "of Nix",
            Told,
            r"access-tokens[ \t]*=[ \t]*(?:[^\s=]{1,200}=\S{0,19}[ \t]+){0,20}[^\s=]{1,200}=(\S{20,})",
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("SECRET", 0), needle("TOKEN", 0)]),
        kind: "token",
        places: ENVIRONMENT,
        before: Before::Anything,
        whose: Whose::Variable,
        test: pattern(
            "in a variable",
            Hidden,
            r#"(?:SECRET|TOKEN)(?:_KEY)?(?:_BASE)?(?:_[0-9]+)?=["']?([^\s"'/$%@<({\\][^\s"']{7,})"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[
            needle("API_KEY", 0),
            needle("APIKEY", 0),
            needle("ACCESS_KEY", 0),
            needle("PRIVATE_KEY", 0),
        ]),
        kind: "token",
        places: ENVIRONMENT,
        before: Before::Anything,
        whose: Whose::Variable,
        test: pattern(
            "in a variable",
            Hidden,
            r#"(?:API_?|ACCESS_|PRIVATE_)KEY(?:_[0-9]+)?=["']?([^\s"'/$%@<({\\][^\s"']{7,})"#,
        ),
    },
];

const fn token(noticed: &'static [Needle], test: Test) -> Rule {
    Rule {
        noticed: Cow::Borrowed(noticed),
        kind: "token",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test,
    }
}
