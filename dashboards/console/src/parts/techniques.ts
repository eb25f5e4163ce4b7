/** MITRE ATT&CK (Enterprise) names of the techniques our detectors and rules speak of. */
const names: Record<string, string> = {
  T1020: 'Automated Exfiltration',
  T1021: 'Remote Services',
  T1041: 'Exfiltration Over C2 Channel',
  T1048: 'Exfiltration Over Alternative Protocol',
  T1046: 'Network Service Discovery',
  T1074: 'Data Staged',
  T1078: 'Valid Accounts',
  'T1078.002': 'Domain Accounts',
  'T1078.003': 'Local Accounts',
  'T1078.004': 'Cloud Accounts',
  T1087: 'Account Discovery',
  T1098: 'Account Manipulation',
  'T1098.001': 'Additional Cloud Credentials',
  'T1098.003': 'Additional Cloud Roles',
  T1110: 'Brute Force',
  'T1110.001': 'Password Guessing',
  'T1110.003': 'Password Spraying',
  T1119: 'Automated Collection',
  T1199: 'Trusted Relationship',
  T1213: 'Data from Information Repositories',
  'T1213.006': 'Databases',
  T1485: 'Data Destruction',
  T1530: 'Data from Cloud Storage',
  T1537: 'Transfer Data to Cloud Account',
  T1552: 'Unsecured Credentials',
  'T1552.005': 'Cloud Instance Metadata API',
  'T1555.006': 'Cloud Secrets Management Stores',
  'T1556.006': 'Multi-Factor Authentication',
  'T1562.001': 'Disable or Modify Tools',
  'T1562.008': 'Disable or Modify Cloud Logs',
  'T1565.001': 'Stored Data Manipulation',
  T1567: 'Exfiltration Over Web Service',
  'T1567.002': 'Exfiltration to Cloud Storage',
};

/** Empty where we do not know it: the id stands for itself. */
export function techniqueName(id: string): string {
  return names[id.replace(/^attack\./i, '').toUpperCase()] ?? '';
}
