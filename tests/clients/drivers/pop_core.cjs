// SPDX-License-Identifier: Apache-2.0
// The older core SDK, @alicloud/pop-core: no classes for calls, any action by its name; GET or POST.
"use strict";

const Core = require("@alicloud/pop-core");

const { serve } = require("./lines.cjs");

const method = process.argv[2];

serve(({ action, parameters, url, key, secret, token }) => {
  const apiVersion = action.endsWith("Globe") || action === "QueryMessage" ? "2018-05-01" : "2017-05-25";
  const client = new Core({ accessKeyId: key, accessKeySecret: secret, securityToken: token, endpoint: url, apiVersion });
  return client.request(action, parameters, { method });
});
