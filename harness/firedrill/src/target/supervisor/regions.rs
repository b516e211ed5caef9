//! The regions of a target: the plane in front and the emulators behind.

use std::{collections::BTreeMap, net::SocketAddr};

use firedrill_model::{
    history::ProcessRecord,
    ids::{Region, Zone},
    plan::Layout,
};
use firedrill_plane::{Plane, Reserved, place::Place, rules::Bite};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    emulator::{Emulator, EmulatorError, Recipe},
    protocol::{EndpointRecord, Outcome, Setup},
};

/// Role and file name of the one process of the shared layout.
const SHARED: &str = "all-regions";

/// What is up. Empty before the start and after the end.
#[derive(Debug, Default)]
pub(super) struct Regions {
    up: Option<Up>,
    /// Never cancelled: nothing but time ends the pause between two looks.
    pub(super) watched: CancellationToken,
}

#[derive(Debug)]
struct Up {
    layout: Layout,
    plane: Plane,
    /// By region, or one under the first region in the shared layout.
    emulators: BTreeMap<Region, Emulator>,
    regions: Vec<Region>,
}

impl Regions {
    /// Starts the emulators side by side, then opens the plane.
    pub(super) async fn start(
        &mut self,
        setup: Setup,
        bites: mpsc::UnboundedSender<Bite>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, String> {
        if self.up.is_some() {
            return Err("the regions are up already".to_owned());
        }
        let regions = setup.regions.iter().cloned().map(Place::from);
        let reserved = Reserved::bind(regions.chain(setup.zones.iter().cloned().map(Place::from))).map_err(text)?;
        let recipes = recipes(&setup, &reserved)?;
        let emulators = start_all(&recipes, cancel).await.map_err(text)?;
        let address = |region: &Region| {
            let emulator = emulators.get(region).or_else(|| emulators.values().next())?;
            Some((region.clone(), emulator.address()))
        };
        let direct: BTreeMap<Region, SocketAddr> = setup.regions.iter().filter_map(address).collect();
        let plane = reserved.open(&direct, setup.seed, bites).await.map_err(text)?;
        let endpoint = |(region, direct): (&Region, &SocketAddr)| {
            let plane_url = url(plane.address(&region.clone().into())?);
            Some(EndpointRecord { region: region.clone(), plane_url, direct_url: url(*direct) })
        };
        let endpoints = direct.iter().filter_map(endpoint).collect();
        let zone_url = |zone: &Zone| Some((zone.clone(), url(plane.address(&zone.clone().into())?)));
        let zones = setup.zones.iter().filter_map(zone_url).collect();
        let processes: Vec<ProcessRecord> = emulators.values().map(|emulator| emulator.process().clone()).collect();
        self.up = Some(Up { layout: setup.layout, plane, emulators, regions: setup.regions });
        Ok(Outcome::Started { endpoints, zones, processes })
    }

    /// The plane in front of the regions.
    pub(super) fn plane(&self) -> Result<&Plane, String> {
        self.up.as_ref().map(|up| &up.plane).ok_or_else(|| "no region is up".to_owned())
    }

    /// The region's own emulator, in the layout that has one.
    pub(super) fn emulator(&mut self, region: &Region) -> Result<Option<&mut Emulator>, String> {
        let up = self.up.as_mut().ok_or("no region is up")?;
        if !up.regions.contains(region) {
            return Err(format!("this target has no region {region}"));
        }
        Ok(match up.layout {
            Layout::ProcessPerRegion => up.emulators.get_mut(region),
            Layout::SharedProcess => None,
        })
    }

    /// Whether a region has a process of its own.
    pub(super) fn separate(&self) -> bool {
        self.up.as_ref().is_some_and(|up| up.layout == Layout::ProcessPerRegion)
    }

    /// A region's emulator was killed on purpose: it is not reported as exited.
    pub(super) fn forget(&mut self, region: &Region) -> Option<Emulator> {
        self.up.as_mut()?.emulators.remove(region)
    }

    /// Regions whose emulator ended by itself since the last look. What is left of it, if it was the guard that ended, ends too.
    pub(super) async fn take_exited(&mut self) -> Vec<Region> {
        let Some(up) = &mut self.up else { return Vec::new() };
        let exited: Vec<Region> = up
            .emulators
            .iter_mut()
            .filter_map(|(region, emulator)| emulator.exited().then(|| region.clone()))
            .collect();
        for region in &exited {
            if let Some(mut gone) = up.emulators.remove(region) {
                gone.kill().await;
                gone.remove_scratch();
            }
        }
        match up.layout {
            Layout::SharedProcess if !exited.is_empty() => up.regions.clone(),
            Layout::SharedProcess | Layout::ProcessPerRegion => exited,
        }
    }

    /// Ends every emulator within 4 s, then closes the plane.
    pub(super) async fn end(&mut self) {
        if let Some(mut up) = self.up.take() {
            join_all(up.emulators.values_mut().map(Emulator::end)).await;
        }
    }
}

/// Starts emulators side by side. When one cannot be started, the others are ended as well: whoever merely drops them leaves
/// their temporary files behind.
async fn start_all(
    recipes: &[(Region, Recipe)],
    cancel: &CancellationToken,
) -> Result<BTreeMap<Region, Emulator>, EmulatorError> {
    let given_up = cancel.child_token();
    let mut starting: FuturesUnordered<_> =
        recipes.iter().map(async |(region, recipe)| (region, Emulator::start(recipe, &given_up).await)).collect();
    let (mut up, mut failed) = (BTreeMap::new(), None);
    while let Some((region, started)) = starting.next().await {
        match started {
            Ok(emulator) => drop(up.insert(region.clone(), emulator)),
            Err(error) => {
                given_up.cancel();
                failed.get_or_insert(error);
            }
        }
    }
    let Some(error) = failed else { return Ok(up) };
    join_all(up.values_mut().map(Emulator::end)).await;
    Err(error)
}

fn recipes(setup: &Setup, reserved: &Reserved) -> Result<Vec<(Region, Recipe)>, String> {
    let recipe = |region: &Region, name: &str| {
        let address = reserved.address(&region.clone().into()).ok_or_else(|| format!("{region} has no address"))?;
        let recipe = Recipe {
            python: setup.python.clone(),
            name: name.to_owned(),
            home: region.clone(),
            function_endpoint: url(address),
            folder: setup.folder.clone(),
        };
        Ok((region.clone(), recipe))
    };
    match setup.layout {
        Layout::ProcessPerRegion => setup.regions.iter().map(|region| recipe(region, region.as_str())).collect(),
        Layout::SharedProcess => setup.regions.first().map(|region| recipe(region, SHARED)).into_iter().collect(),
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// An error with its causes, for the other side of the pipe.
fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
