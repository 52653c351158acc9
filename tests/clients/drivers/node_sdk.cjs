// SPDX-License-Identifier: Apache-2.0
// The generated SDKs of both APIs: @alicloud/dysmsapi20170525 and @alicloud/dysmsapi20180501.
"use strict";

const china = require("@alicloud/dysmsapi20170525");
const globe = require("@alicloud/dysmsapi20180501");
const { Config } = require("@alicloud/openapi-core").$OpenApiUtil;

const { serve } = require("./lines.cjs");

const lowered = (name) => name[0].toLowerCase() + name.slice(1);

serve(async ({ action, parameters, url, key, secret, token }) => {
  const sdk = action.endsWith("Globe") || action === "QueryMessage" ? globe : china;
  const { protocol, host } = new URL(url);
  const client = new sdk.default(
    new Config({
      accessKeyId: key,
      accessKeySecret: secret,
      securityToken: token ?? undefined,
      endpoint: host,
      protocol: protocol.slice(0, -1),
    }),
  );
  const fields = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [lowered(name), value]));
  const response = await client[lowered(action)](new sdk[`${action}Request`](fields));
  return response.body.toMap();
});
