/* SPDX-License-Identifier: Apache-2.0 */
/* Message IDs and mnemonics of the events that operators and collectors may wait for. An ID never
 * changes its meaning. Made with systemd-id128 new. */
#pragma once

/* keyd */
#define LOG_KEY_GENERATED                                                                          \
    "0363c07ad55846bf8df86d71c0f44a14", "SECURITY-CEPKI-6-KEY_GENERATED", LOG_INFO
#define LOG_KEY_ROTATED "06d2cf86ca7c4e3f86f1676184eb1ee9", "SECURITY-CEPKI-6-KEY_ROTATED", LOG_INFO
#define LOG_KEY_DELETED                                                                            \
    "54e20beee7d74fe1b83e226a691c0ca0", "SECURITY-CEPKI-6-KEY_DELETED", LOG_NOTICE
#define LOG_KEY_INFO "e3f2c5d5cbc74c2bb998617fc22233a3", "SECURITY-CEPKI-6-KEY_INFO", LOG_INFO
#define LOG_KEY_EXPORTED                                                                           \
    "465a33ae547b4feca1660c2c35225eca", "SECURITY-CEPKI-5-KEY_EXPORTED", LOG_NOTICE
#define LOG_KEY_REFUSED                                                                            \
    "400f70b8fa1f4e4f96b6f37c73e8d568", "SECURITY-CEPKI-4-KEY_USE_REFUSED", LOG_WARNING
#define LOG_USER_KEYS "3e8f87df31784bdea24885543a291f5e", "SECURITY-CEPKI-6-USER_KEYS", LOG_NOTICE
#define LOG_KEY_CUSTODY                                                                            \
    "c9c6e6693d0748a8a3609d2aa0e171a5", "SECURITY-CEPKI-5-KEY_CUSTODY", LOG_NOTICE
/* enrolld */
#define LOG_CERT_INSTALLED                                                                         \
    "51bd7fb7e8504132b97efdd5c9efba1e", "SECURITY-CEPKI-6-CERT_INSTALLED", LOG_INFO
#define LOG_CERT_REMOVED                                                                           \
    "7818e327f0404b999b42f0f54e39c9bc", "SECURITY-CEPKI-5-CERT_REMOVED", LOG_NOTICE
#define LOG_CERT_EXPIRING_WARNING                                                                  \
    "c472c73679224ae9be20ce77359dd178", "SECURITY-CEPKI-4-CERT_EXPIRING_WARNING", LOG_WARNING
#define LOG_CERT_EXPIRING_ALERT                                                                    \
    "c917a3e9c13049b888735ad75150edc0", "SECURITY-CEPKI-1-CERT_EXPIRING_ALERT", LOG_ALERT
#define LOG_CERT_EXPIRED                                                                           \
    "6e3103362e46493b9acf1e025e61ad68", "SECURITY-CEPKI-1-CERT_EXPIRED", LOG_ALERT
#define LOG_REQUEST_ENDED                                                                          \
    "39152f5d40a14901aaa94fb195e511e9", "SECURITY-CEPKI-4-REQUEST_ENDED", LOG_WARNING
#define LOG_RENEWAL_UNDONE                                                                         \
    "795c7dd2a891427ca14995eb9d2af1fc", "SECURITY-CEPKI-3-RENEWAL_UNDONE", LOG_ERR
#define LOG_CERT_REVOKED                                                                           \
    "ab3a329f60af439a983181679cc3acce", "SECURITY-CEPKI-1-CERT_REVOKED", LOG_ALERT
#define LOG_CERT_REFUSED                                                                           \
    "18bbe343af6b47498f8d3d4a65f3d0da", "SECURITY-CEPKI-4-CERT_REFUSED", LOG_WARNING
/* poold */
#define LOG_POOL_UPDATED                                                                           \
    "0a15cd9c56984ea4b6c4601e14079fbc", "SECURITY-CEPKI-6-TRUSTPOOL_UPDATED", LOG_INFO
#define LOG_POOL_UPDATE_FAILED                                                                     \
    "138d46efd5364b9b819d0d22eb68e908", "SECURITY-CEPKI-4-TRUSTPOOL_UPDATE_FAILED", LOG_WARNING
#define LOG_POOL_NO_URL                                                                            \
    "c56ef898ae5549f1b5cb752bfa0a51f0", "SECURITY-CEPKI-4-TRUSTPOOL_NO_URL", LOG_WARNING
#define LOG_POOL_EXPIRING                                                                          \
    "67995e4496da4c429c8a8eaef19b5b4d", "SECURITY-CEPKI-4-TRUSTPOOL_EXPIRING", LOG_WARNING
#define LOG_POOL_EXPIRED                                                                           \
    "964c96e082924f7c9da749fcdff2baa9", "SECURITY-CEPKI-4-TRUSTPOOL_EXPIRED", LOG_WARNING
#define LOG_CRL_UPDATED "e6061db15c0b480490ea059ff7bfb647", "SECURITY-CEPKI-6-CRL_UPDATED", LOG_INFO
#define LOG_CRL_REFRESH_FAILED                                                                     \
    "bc43f8dc57e440aeabb9d7c330a9ac64", "SECURITY-CEPKI-4-CRL_REFRESH_FAILED", LOG_WARNING
/* dossierd */
#define LOG_DOSSIER_COLLECTED                                                                      \
    "29d4c313184b4e5487f0b2773fb58675", "SECURITY-DOSSIER-6-COLLECTED", LOG_INFO
#define LOG_ENVELOPE_SIGNED                                                                        \
    "48b6e78c2e9341b2bb044cc278987815", "SECURITY-DOSSIER-6-SIGNED", LOG_INFO
#define LOG_SNAPSHOT_TAKEN                                                                         \
    "69d815c58e414513aced32ae63d6faca", "SECURITY-DOSSIER-6-SNAPSHOT_TAKEN", LOG_INFO
#define LOG_SNAPSHOT_FAILED                                                                        \
    "bd70fc2ef1014446a0badaaa12b833b7", "SECURITY-DOSSIER-4-SNAPSHOT_FAILED", LOG_WARNING
/* policyd */
#define LOG_CONFIG_COMMIT "8ab6b4a34edf45f0bbb3a182197ff6ae", "MGBL-CONFIG-6-DB_COMMIT", LOG_INFO
#define LOG_CONFIG_FAILURE                                                                         \
    "68f90627fa05474d8f271f3e869ebf5d", "MGBL-CONFIGCLI-3-COMMIT_FAILURE", LOG_ERR
#define LOG_RULES_RESTORED                                                                         \
    "d5d0b19abbd5417ba305049367633698", "SECURITY-AAA-3-RULES_RESTORED", LOG_ERR
/* every daemon */
#define LOG_NOT_AUTHORIZED                                                                         \
    "ccab9bc8ac424e2894bc6b79587b354e", "SECURITY-AAA-4-NOT_AUTHORIZED", LOG_WARNING
#define LOG_STATE_CORRUPT "eddf57ab10914c78a7c5bab2b4c8c4c9", "SECURITY-STATE-3-CORRUPT", LOG_ERR
#define LOG_STATE_UNREADABLE                                                                       \
    "f026576b71104acabeebbd4df0f30230", "SECURITY-STATE-3-UNREADABLE", LOG_ERR
#define LOG_SANDBOX "19e49ea1416e42189537002a2bcccebf", "SECURITY-SANDBOX-6-ENTERED", LOG_INFO
