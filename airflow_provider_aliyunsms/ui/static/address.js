// SPDX-License-Identifier: Apache-2.0
// Links that lead out of this page into Airflow, and the address of the page in Airflow's frame.

/**
 * Let links with `target="_top"` work inside Airflow.
 *
 * Its frame forbids the page to move the window around it. The page is of Airflow's own origin, so it has Airflow's
 * document follow the link: with the same keys held, so that a new tab stays possible.
 */
export function followTopLinks() {
  const airflow = documentAround();
  if (!airflow) return;
  for (const kind of ["click", "auxclick"]) {
    document.addEventListener(kind, (event) => {
      const link = event.target.closest?.("a[target=_top]");
      if (!link || event.button > 1) return;
      event.preventDefault();
      const copy = airflow.createElement("a");
      copy.href = link.href;
      const asked = event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
      copy.target = asked || new URL(link.href).origin !== location.origin ? "_blank" : "_self";
      copy.rel = "noopener";
      copy.hidden = true;
      airflow.body.append(copy);
      copy.click();
      copy.remove();
    });
  }
}

/** Whether an address is one to go to, and none that runs something. */
export function isFollowed(address) {
  return /^(https?:|\/)/.test(address ?? "");
}

/** Return the document that shows this page in a frame, null when there is none or it is somebody else's. */
export function documentAround() {
  try {
    return parent !== window ? parent.document : null;
  } catch {
    return null;
  }
}

/** Whether this page is a tab of a DAG, a run or a task in Airflow, not the page of its navigation or alone. */
export function isTab() {
  return /\/dags\//.test(documentAround()?.location.pathname ?? "");
}

/** Return the address of the list as it was last seen in this place; null in a tab that has shown none. */
export function lastList() {
  const query = sessionStorage.getItem(lastListName());
  if (query === null) return isTab() ? null : location.pathname;
  return query ? `?${query}` : location.pathname;
}

function lastListName() {
  return `aliyunsms-list ${isTab() ? documentAround().location.pathname : ""}`;
}

/**
 * Keep what is chosen in the list in the address of this page, and in that of Airflow around it, so that both can be passed on.
 *
 * @param {URLSearchParams} query what is chosen now.
 */
export function rememberList(query) {
  const before = location.pathname + location.search;
  const text = query.toString();
  sessionStorage.setItem(lastListName(), text);
  history.replaceState(history.state, "", text ? `?${text}` : location.pathname);
  const around = documentAround()?.defaultView;
  // only where Airflow shows our address as a part of its own
  if (!around || !(around.location.pathname + around.location.search).endsWith(before)) return;
  const path = around.location.pathname + (text ? `?${text}` : "");
  around.history.replaceState(around.history.state, "", path);
}
