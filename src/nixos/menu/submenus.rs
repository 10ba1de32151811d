//! The submenus that are open while a menu is read.

use std::sync::Arc;

/// The open submenus. Only the outermost are kept by name.
#[derive(Debug, Default)]
pub(super) struct Submenus {
    names: Vec<Arc<str>>,
    depth: usize,
}

impl Submenus {
    /// Limit for submenus kept by name. No loader shows menus this deep.
    pub(super) const DEEPEST: usize = 16;

    /// Enters a submenu.
    pub(super) fn enter(&mut self, name: &str) {
        self.depth += 1;
        if self.depth <= Self::DEEPEST {
            self.names.push(name.into());
        }
    }

    /// Leaves the innermost submenu.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.names.truncate(self.depth);
    }

    /// Names the innermost submenu, if it has no name yet.
    pub(super) fn name(&mut self, name: &str) {
        if let Some(innermost) =
            self.names.last_mut().filter(|innermost| self.depth <= Self::DEEPEST && innermost.is_empty())
        {
            *innermost = name.into();
        }
    }

    /// Whether this is the topmost menu.
    pub(super) fn is_top(&self) -> bool {
        self.depth == 0
    }

    /// Their names, outermost first.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.names.clone()
    }
}
