//! The disc that is checked.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::{Accepted, Judgement};
use crate::error::{Error, Result, Troubles};
use crate::fs::iso9660::BootImage;
use crate::image::Progress;
use crate::nixos::access::Access;
use crate::nixos::services::Services;
use crate::nixos::software::Software;
use crate::nixos::{Disc, Form, Medium, System};
use crate::store::StorePath;

/// The disc that is checked, and what has been read of it so far.
pub struct Subject<'d, 'i> {
    pub(super) disc: &'d Disc<'i>,
    pub(super) progress: Progress<'d>,
    /// Findings that are accepted.
    pub(super) accepted: Accepted,
    /// The only system that the table of the current assertion is about.
    pub(super) only: RefCell<Option<String>>,
    troubles: RefCell<Troubles>,
    software: OnceCell<Software>,
    access: OnceCell<Vec<(System, Access)>>,
    services: RefCell<HashMap<StorePath, Rc<Services>>>,
}

impl<'d, 'i> Subject<'d, 'i> {
    pub(super) fn new(disc: &'d Disc<'i>, accepted: Accepted, progress: Progress<'d>) -> Self {
        Self {
            disc,
            progress,
            accepted,
            only: RefCell::default(),
            troubles: RefCell::default(),
            software: OnceCell::new(),
            access: OnceCell::new(),
            services: RefCell::default(),
        }
    }

    /// The packages; read when the first assertion needs them.
    pub(super) fn software(&self) -> Result<&Software> {
        if let Some(software) = self.software.get() {
            return Ok(software);
        }
        let software = Software::of(self.disc, &mut self.troubles.borrow_mut())?;
        Ok(self.software.get_or_init(|| software))
    }

    /// Who gets in, for each readable system, the default one first. Read when the first assertion needs it.
    pub(super) fn access(&self) -> Result<&[(System, Access)]> {
        if let Some(access) = self.access.get() {
            return Ok(access);
        }
        let (mut all, mut held) = (Vec::new(), 0);
        for system in self.disc.systems.iter().filter(|system| system.present) {
            let access = Access::of(self.disc, system)?;
            access.hold(system, &mut held)?;
            all.push((system.clone(), access));
        }
        Ok(self.access.get_or_init(|| all))
    }

    /// Who gets in to a system.
    pub(super) fn access_of(&self, system: &System) -> Result<&Access> {
        let access = self.access()?.iter().find(|(known, _)| known.path == system.path);
        access.map(|(_, access)| access).ok_or_else(|| Error::NotFound { path: system.path.to_string().into_bytes() })
    }

    /// What runs on a system, and what its firewall lets in.
    pub(super) fn services_of(&self, system: &System) -> Result<Rc<Services>> {
        if let Some(services) = self.services.borrow().get(&system.path) {
            return Ok(Rc::clone(services));
        }
        let services = Rc::new(Services::of(self.disc, system, &mut self.troubles.borrow_mut())?);
        self.services.borrow_mut().insert(system.path.clone(), Rc::clone(&services));
        Ok(services)
    }

    /// The boot images of El Torito. Without a disc, the judgement of every assertion that needs them.
    pub(super) fn boot_images(&self) -> Result<std::result::Result<Vec<BootImage>, Judgement>> {
        let Medium::Volume(volume) = &self.disc.carrier else {
            return Ok(Err(match self.disc.carrier.form() {
                Form::Disk => Judgement::unknown("only the boot images of an ISO image are known", Vec::new()),
                Form::Directory => Judgement::unknown("a directory does not show what boots it", Vec::new()),
                Form::Squashfs | Form::Iso9660 => {
                    Judgement::fail("a bare squashfs does not boot by itself", Vec::new())
                }
            }));
        };
        Ok(Ok(volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default()))
    }

    /// The default system. Without one, the judgement of every assertion that needs it.
    pub(super) fn system(&self) -> Result<std::result::Result<&'d System, Judgement>> {
        match self.disc.default_system() {
            Ok(system) => Ok(Ok(system)),
            Err(error @ Error::NoSystem { .. }) => Ok(Err(Judgement::fail(error.to_string(), Vec::new()))),
            Err(error) => Err(error),
        }
    }

    /// What could not be read, although the assertions have been judged, and what was accepted.
    pub(super) fn into_parts(self) -> (Troubles, Accepted) {
        (self.troubles.into_inner(), self.accepted)
    }
}
