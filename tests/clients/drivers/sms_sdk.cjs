// SPDX-License-Identifier: Apache-2.0
// The first SDK for SMS alone, @alicloud/sms-sdk, of 2018; it knows three calls of the China API.
"use strict";

const SMSClient = require("@alicloud/sms-sdk");

const { serve } = require("./lines.cjs");

const METHODS = { SendSms: "sendSMS", SendBatchSms: "sendBatchSMS", QuerySendDetails: "queryDetail" };

serve(async ({ action, parameters, url, key, secret, token }) => {
  if (!(action in METHODS) || token) {
    return null;
  }
  const client = new SMSClient({ accessKeyId: key, secretAccessKey: secret, smsApiEndpoint: url });
  return client[METHODS[action]](parameters);
});
