// SPDX-License-Identifier: Apache-2.0
// The page: the list of campaigns, or one of them, as its address says.

import { language, say } from "./format.js";
import { offerTips } from "./tips.js";
import { followTopLinks } from "./address.js";

const page = document.getElementById("page");
const query = new URLSearchParams(location.search);

document.documentElement.lang = { en: "en", zh: "zh-CN" }[language];
document.title = say("title");
offerTips();
followTopLinks();
if (query.get("task_id")) {
  const { openCampaign } = await import("./campaign.js");
  openCampaign(page, query);
} else {
  const { openList } = await import("./list.js");
  openList(page, query);
}
